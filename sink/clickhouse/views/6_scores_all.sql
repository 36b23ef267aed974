-- Every revision of every score.
CREATE OR REPLACE VIEW scores_all AS
SELECT study, participant, side, thing, sensor, window_start, length_s, model, digest, name, value, text, algo, revision, status, input_digest, scorer, generation, partition, offset
FROM (SELECT * FROM scored_windows FINAL)
ARRAY JOIN names AS name, values AS value, texts AS text
