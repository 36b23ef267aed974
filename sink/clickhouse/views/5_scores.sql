-- One row per window, algorithm, model and name of a score: those of the latest
-- revision of the window that the model was asked about. Reading in the order of the
-- table's key makes it a merge that holds one row at a time.
CREATE OR REPLACE VIEW scores AS
SELECT study, participant, side, thing, sensor, window_start, length_s, model, digest, name, value, text, algo, revision, status, input_digest, scorer
FROM
(
    SELECT * FROM scored_windows
    ORDER BY length_s, sensor, window_start, algo, model, digest, generation DESC, revision DESC, offset DESC
    LIMIT 1 BY length_s, sensor, window_start, algo, model, digest
)
ARRAY JOIN names AS name, values AS value, texts AS text
