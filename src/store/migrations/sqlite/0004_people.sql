-- Who may use the pages and the API, and what they did. Of passwords, sessions, tokens and links only hashes are kept.

CREATE TABLE people (
    id            TEXT   NOT NULL PRIMARY KEY,
    email         TEXT   NOT NULL UNIQUE,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    password      TEXT,
    totp          TEXT,
    totp_step     BIGINT NOT NULL DEFAULT 0,
    disabled_at   BIGINT,
    time_zone     TEXT,
    created_at    BIGINT NOT NULL,
    signed_in_at  BIGINT
);

CREATE TABLE recovery_codes (
    person TEXT NOT NULL,
    hash   TEXT NOT NULL,
    PRIMARY KEY (person, hash)
);

CREATE TABLE sessions (
    hash       TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL UNIQUE,
    person     TEXT   NOT NULL,
    stage      TEXT   NOT NULL CHECK (stage IN ('code', 'full')),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    agent      TEXT   NOT NULL,
    address    TEXT   NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person, created_at);
CREATE INDEX sessions_by_end    ON sessions (expires_at);

CREATE TABLE api_tokens (
    hash         TEXT   NOT NULL PRIMARY KEY,
    id           TEXT   NOT NULL UNIQUE,
    name         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    made_by      TEXT   NOT NULL,
    made_by_name TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    used_at      BIGINT,
    expires_at   BIGINT,
    revoked_at   BIGINT
);

CREATE TABLE one_time_links (
    hash       TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind IN ('first', 'invite', 'reset')),
    person     TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX one_time_links_by_person ON one_time_links (person);

-- Never changed, only added to.
CREATE TABLE audit_log (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       BIGINT NOT NULL,
    who      TEXT   NOT NULL,
    who_name TEXT   NOT NULL,
    act      TEXT   NOT NULL,
    object   TEXT   NOT NULL,
    details  TEXT   NOT NULL
);
