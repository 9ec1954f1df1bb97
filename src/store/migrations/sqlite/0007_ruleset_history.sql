-- Which rules were at work when, who published them and why.
CREATE TABLE ruleset_history (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       TEXT    NOT NULL,
    at         BIGINT  NOT NULL,
    who        TEXT    NOT NULL DEFAULT '',
    email      TEXT    NOT NULL DEFAULT '',
    reason     TEXT    NOT NULL DEFAULT '',
    git_commit TEXT
);
CREATE INDEX ruleset_history_by_hash ON ruleset_history (hash, seq);
INSERT INTO ruleset_history (hash, at) SELECT hash, activated_at FROM rulesets ORDER BY activated_at, hash;

-- How far the applying of a rule to existing bookings got.
CREATE TABLE rule_applies (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    rule         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'done', 'stopped')),
    who          TEXT    NOT NULL,
    from_day     TEXT,
    to_day       TEXT,
    began_at     BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    last_booking TEXT    NOT NULL DEFAULT '',
    note         TEXT,
    counts       TEXT    NOT NULL DEFAULT '{}'
);
-- A rule is applied once at a time.
CREATE UNIQUE INDEX rule_applies_open ON rule_applies (rule) WHERE state = 'open';
CREATE INDEX rule_applies_by_rule ON rule_applies (rule, seq);
