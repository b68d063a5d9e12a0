-- +goose Up

-- Which business somebody was in when they did or looked at something; empty where that was all of them (the console, a hub with one).
ALTER TABLE acts ADD COLUMN business_id TEXT NOT NULL DEFAULT '';
ALTER TABLE looks ADD COLUMN business_id TEXT NOT NULL DEFAULT '';

-- Of who works for one business only it is known.
UPDATE acts SET business_id = (SELECT p.business_id FROM persons p WHERE p.id = acts.person_id)
WHERE EXISTS (SELECT 1 FROM persons p WHERE p.id = acts.person_id AND p.business_id <> 'main')
AND NOT EXISTS (SELECT 1 FROM person_roles r WHERE r.person_id = acts.person_id);
UPDATE looks SET business_id = (SELECT p.business_id FROM persons p WHERE p.id = looks.person_id)
WHERE EXISTS (SELECT 1 FROM persons p WHERE p.id = looks.person_id AND p.business_id <> 'main')
AND NOT EXISTS (SELECT 1 FROM person_roles r WHERE r.person_id = looks.person_id);

-- +goose Down

ALTER TABLE looks DROP COLUMN business_id;
ALTER TABLE acts DROP COLUMN business_id;
