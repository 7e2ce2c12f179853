-- Portable between SQLite and PostgreSQL: BIGINT for ids (random, never reused) and times (microseconds since 1970, UTC),
-- TEXT for everything binary (hex or base64), BOOLEAN for flags.

CREATE TABLE users (
    id            BIGINT  NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,          -- as the user wrote it, NFC
    name_key      TEXT    NOT NULL UNIQUE,   -- lower-cased: names differ by more than case
    role          TEXT    NOT NULL CHECK (role IN ('owner', 'listener')),
    password_hash TEXT    NOT NULL,          -- PHC string, argon2id
    created_us    BIGINT  NOT NULL
);

-- One row: a known text sealed under the accounts key, so that a wrong key is noticed when the database is opened.
CREATE TABLE key_check (
    id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed TEXT   NOT NULL
);

CREATE TABLE app_passwords (
    id           BIGINT NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label        TEXT   NOT NULL,
    sealed       TEXT   NOT NULL,            -- base64 of nonce and XChaCha20-Poly1305 ciphertext
    created_us   BIGINT NOT NULL,
    last_used_us BIGINT
);
CREATE INDEX app_passwords_by_user ON app_passwords (user_id);

CREATE TABLE api_keys (
    id           BIGINT NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label        TEXT   NOT NULL,
    hash         TEXT   NOT NULL UNIQUE,     -- SHA-256, hex
    created_us   BIGINT NOT NULL,
    last_used_us BIGINT
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE sessions (
    hash       TEXT   NOT NULL PRIMARY KEY,  -- SHA-256, hex
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_us);

-- The key makes a scrobble that is sent twice count once.
CREATE TABLE plays (
    user_id  BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at_us    BIGINT NOT NULL,
    track_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, at_us, track_id)
);
CREATE INDEX plays_by_track ON plays (track_id);

CREATE TABLE now_playing (
    user_id  BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    track_id BIGINT NOT NULL,
    since_us BIGINT NOT NULL
);

CREATE TABLE stars (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL CHECK (kind IN ('track', 'album', 'artist')),
    item_id    BIGINT NOT NULL,
    starred_us BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, item_id)
);

CREATE TABLE ratings (
    user_id  BIGINT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind     TEXT     NOT NULL CHECK (kind IN ('track', 'album', 'artist')),
    item_id  BIGINT   NOT NULL,
    rating   SMALLINT NOT NULL CHECK (rating BETWEEN 1 AND 5),
    rated_us BIGINT   NOT NULL,
    PRIMARY KEY (user_id, kind, item_id)
);

CREATE TABLE playlists (
    id         BIGINT  NOT NULL PRIMARY KEY,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    comment    TEXT    NOT NULL,
    public     BOOLEAN NOT NULL,             -- readable by the archive's other accounts
    created_us BIGINT  NOT NULL,
    changed_us BIGINT  NOT NULL
);
CREATE INDEX playlists_by_user ON playlists (user_id);

CREATE TABLE playlist_tracks (
    playlist_id BIGINT  NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,            -- from 0
    track_id    BIGINT  NOT NULL,
    PRIMARY KEY (playlist_id, position)
);
