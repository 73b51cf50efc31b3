-- The greatest id that was given out. Whoever changes anything locks this row first; see mod.rs.
CREATE TABLE last_id (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL
);
INSERT INTO last_id (id) VALUES ('00000000-0000-0000-0000-000000000000');

CREATE TABLE users (
    id uuid PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL,
    email text NOT NULL,
    -- As the program folds it: what counts as the same letter is not left to the locale of a server.
    email_folded text COLLATE "C" NOT NULL,
    CONSTRAINT user_name_taken UNIQUE (user_name),
    CONSTRAINT email_taken UNIQUE (email_folded)
);

CREATE TABLE events (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    user_id uuid NOT NULL,
    details text,
    created_at timestamptz NOT NULL,
    CONSTRAINT no_such_user FOREIGN KEY (user_id) REFERENCES users
);
CREATE INDEX events_of_users ON events (user_id, id);

-- Which event an Idempotency-Key has made.
CREATE TABLE keys (
    key text COLLATE "C" PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES events,
    kept_until timestamptz NOT NULL
);
CREATE INDEX keys_by_date ON keys (kept_until);
