-- One row per window, algorithm, model and name of a score: those of the latest
-- revision of the window that the model was asked about.
CREATE OR REPLACE VIEW scores AS
SELECT study, participant, side, thing, sensor, window_start, length_s, model, digest, name, value, text, algo, revision, status, input_digest, scorer
FROM
(
    SELECT *, max((generation, revision)) OVER (PARTITION BY sensor, length_s, window_start, algo, model, digest) AS latest
    FROM scores_all FINAL
)
WHERE (generation, revision) = latest AND name != ''
