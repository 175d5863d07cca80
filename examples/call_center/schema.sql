-- The tables of a call-centre SaaS: customers (users) run agents that make
-- calls; a call may be scored as a lead; calls are rolled up per agent and day.
-- Everything is created in the current schema.

CREATE TABLE users (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    email      text        NOT NULL UNIQUE,
    name       text        NOT NULL,
    credits    integer     NOT NULL DEFAULT 0 CHECK (credits >= 0),
    is_active  boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agents (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text        NOT NULL,
    agent_type text        NOT NULL DEFAULT 'call' CHECK (agent_type IN ('call', 'chat')),
    is_active  boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX agents_user_id_idx ON agents (user_id);

CREATE TABLE calls (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id         uuid        NOT NULL REFERENCES agents ON DELETE CASCADE,
    user_id          uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    duration_minutes integer     NOT NULL DEFAULT 0 CHECK (duration_minutes >= 0),
    credits_used     integer     NOT NULL DEFAULT 0 CHECK (credits_used >= 0),
    status           text        NOT NULL DEFAULT 'in_progress'
                     CHECK (status IN ('completed', 'failed', 'in_progress', 'cancelled')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    completed_at     timestamptz CHECK (completed_at >= created_at)
);

CREATE INDEX calls_user_id_created_at_idx ON calls (user_id, created_at);
CREATE INDEX calls_agent_id_created_at_idx ON calls (agent_id, created_at);
-- A day's calls, as the call-centre caches count them.
CREATE INDEX calls_user_id_day_idx ON calls (user_id, ((created_at AT TIME ZONE 'UTC')::date));
CREATE INDEX calls_agent_id_day_idx ON calls (agent_id, ((created_at AT TIME ZONE 'UTC')::date));

-- The user of a lead is the user of its call; there is no user_id here.
CREATE TABLE lead_analytics (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    call_id          uuid        NOT NULL REFERENCES calls ON DELETE CASCADE,
    intent_score     integer     CHECK (intent_score BETWEEN 0 AND 100),
    urgency_score    integer     CHECK (urgency_score BETWEEN 0 AND 100),
    budget_score     integer     CHECK (budget_score BETWEEN 0 AND 100),
    fit_score        integer     CHECK (fit_score BETWEEN 0 AND 100),
    engagement_score integer     CHECK (engagement_score BETWEEN 0 AND 100),
    total_score      integer     CHECK (total_score BETWEEN 0 AND 100),
    lead_status_tag  text,
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX lead_analytics_call_id_idx ON lead_analytics (call_id);

-- hour IS NULL: the whole day.
CREATE TABLE agent_analytics (
    agent_id               uuid     NOT NULL REFERENCES agents ON DELETE CASCADE,
    user_id                uuid     NOT NULL REFERENCES users ON DELETE CASCADE,
    date                   date     NOT NULL,
    hour                   smallint CHECK (hour BETWEEN 0 AND 23),
    total_calls            integer  NOT NULL DEFAULT 0,
    successful_calls       integer  NOT NULL DEFAULT 0,
    failed_calls           integer  NOT NULL DEFAULT 0,
    total_duration_minutes integer  NOT NULL DEFAULT 0,
    leads_generated        integer  NOT NULL DEFAULT 0,
    qualified_leads        integer  NOT NULL DEFAULT 0,
    credits_used           integer  NOT NULL DEFAULT 0,
    UNIQUE NULLS NOT DISTINCT (agent_id, date, hour)
);

CREATE INDEX agent_analytics_user_id_date_idx ON agent_analytics (user_id, date);

CREATE TABLE tools (
    id        uuid    PRIMARY KEY DEFAULT gen_random_uuid(),
    name      text    NOT NULL UNIQUE,
    type      text    NOT NULL,
    config    jsonb   NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true
);

-- config: what this agent sets differently from the tool's own config.
CREATE TABLE agent_tools (
    agent_id  uuid    NOT NULL REFERENCES agents ON DELETE CASCADE,
    tool_id   uuid    NOT NULL REFERENCES tools ON DELETE CASCADE,
    config    jsonb   NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (agent_id, tool_id)
);

CREATE INDEX agent_tools_tool_id_idx ON agent_tools (tool_id);
