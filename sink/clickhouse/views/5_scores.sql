-- One row per window, algorithm, model, digest and name of a score: those of the
-- latest revision of the window that the model was asked about, by whatever digest.
-- So a digest that has not seen it is gone, and of several that have, each says what
-- it said; which scorer asked makes no difference. Reading in the order of the table's
-- key makes the first step a merge that holds one row at a time; the second sorts what
-- it leaves of the columns that are read. Conditions on what names a window and on
-- length_s hold before both.
CREATE OR REPLACE VIEW scores AS
SELECT study, participant, side, thing, sensor, window_start, length_s, model, digest, name, value, text, algo, revision, status, input_digest, scorer
FROM
(
    SELECT *, max((generation, revision)) OVER (PARTITION BY length_s, sensor, window_start, algo, model) AS latest
    FROM
    (
        SELECT * FROM scored_windows
        ORDER BY length_s, sensor, window_start, algo, model, digest, generation DESC, revision DESC, offset DESC
        LIMIT 1 BY length_s, sensor, window_start, algo, model, digest
    )
)
ARRAY JOIN names AS name, values AS value, texts AS text
WHERE (generation, revision) = latest
