-- Records, their change log, delete tracking and checkpoints. They may live in a database of their own, so nothing here
-- references a table of the control plane, and nothing may ever join one.
-- Cost on a large table: none, everything is new.

-- +goose Up

-- The lock, the clock, the numberer and the counter of one model of one connection. Each batch updates one row, in place.
create table record_model (
  environment_id bigint not null,
  id             bigint generated always as identity,
  connection_id  bigint not null,
  model          text collate "C" not null,                  -- 'Model' or 'Model::variant'
  clock          timestamptz not null default '-infinity',   -- position of the newest change
  next_no        bigint not null default 1,                  -- next record number
  live_count     bigint not null default 0,
  payload_bytes  bigint not null default 0,                  -- plain JSON bytes of payloads that are kept
  pruned_to      timestamptz not null default '-infinity',   -- records after it surely have their payload
  kept_from      timestamptz not null default '-infinity',   -- records before it surely have none
  hash_version   smallint not null default 1,                -- oldest version of hashes among its records
  changed_at     timestamptz not null default clock_timestamp(),
  primary key (environment_id, id),
  unique (environment_id, connection_id, model)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The copy of a run's fence that every write checks. It goes when the run has closed.
create table record_run (
  environment_id bigint not null,
  run_id         bigint not null,
  connection_id  bigint not null,
  fence          bigint not null,
  opened_at      timestamptz not null default clock_timestamp(),
  merge          jsonb not null default '{}',                -- model id: {"clock": when newer changes of others win; null: never}
  primary key (environment_id, run_id)
) with (fillfactor = 50);

create table record (
  environment_id bigint not null,
  model_id       bigint not null,
  no             bigint not null,
  first_seen_at  timestamptz not null,
  modified_at    timestamptz not null,                       -- the position in the cursor's order
  deleted_at     timestamptz,
  run_id         bigint not null,                            -- the run that changed it last
  hash           bytea not null,                             -- version, 1 byte; HMAC-SHA-256, 15 bytes
  external_id    text collate "C" not null,
  primary key (environment_id, model_id, external_id)
) partition by hash (model_id);
create unique index record_position on record (environment_id, model_id, modified_at);

create table record_payload (
  environment_id bigint not null,
  model_id       bigint not null,
  no             bigint not null,
  stored_at      timestamptz not null,
  pruned_at      timestamptz,
  size           int not null,                               -- plain JSON bytes
  payload        bytea,                                      -- an envelope; null: pruned
  primary key (environment_id, model_id, no)
) partition by hash (model_id);

-- +goose StatementBegin
do $$ begin
  for i in 0 .. 15 loop
    execute format('create table record_%s partition of record for values with (modulus 16, remainder %s)
      with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2)', lpad(i::text, 2, '0'), i);
    execute format('create table record_payload_%s partition of record_payload for values with (modulus 16, remainder %s)
      with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2)', lpad(i::text, 2, '0'), i);
    execute format('alter table record_payload_%s alter payload set storage external', lpad(i::text, 2, '0'));
  end loop;
end $$;
-- +goose StatementEnd

-- Numbers of the records that a run wrote and found unchanged. They go when no open generation needs them.
create table record_seen (
  environment_id bigint not null,
  model_id       bigint not null,
  id             bigint generated always as identity,
  run_id         bigint not null,
  at             timestamptz not null default clock_timestamp(), -- taken under the model's lock
  nos            bigint[] not null,
  primary key (environment_id, model_id, id)
);
-- +goose StatementBegin
do $$ begin
  alter table record_seen alter nos set compression lz4;
exception when feature_not_supported then null; -- a server that was built without it takes the default
end $$;
-- +goose StatementEnd

-- An open delete tracking: what nobody has seen since then goes at its end.
create table record_generation (
  environment_id bigint not null,
  model_id       bigint not null,
  key            text collate "C" not null,                  -- checkpoint key of the sync that tracks
  since          timestamptz not null,                       -- when the run that began it was opened
  primary key (environment_id, model_id, key)
);

-- What a batch changed: a run's change log, and its counters.
create sequence record_change_id;
create table record_change (
  environment_id bigint not null,
  run_id         bigint not null,
  model_id       bigint not null,
  id             bigint not null,
  at             timestamptz not null,
  added          text[] not null,
  updated        text[] not null,
  deleted        text[] not null,
  primary key (environment_id, run_id, id, at)
) partition by range (at);
create table record_change_default partition of record_change default;

-- The payload that a change replaced, as it was stored.
create table record_history (
  environment_id bigint not null,
  model_id       bigint not null,
  no             bigint not null,
  at             timestamptz not null,                       -- when it was replaced: the record's new position
  run_id         bigint not null,
  stored_at      timestamptz not null,
  payload        bytea not null,
  primary key (environment_id, model_id, no, at)
) partition by range (at);
alter table record_history alter payload set storage external;
create table record_history_default partition of record_history default;

create table checkpoint (
  environment_id bigint not null,
  connection_id  bigint not null,
  key            text collate "C" not null,
  version        int not null,
  value          jsonb,                                      -- null: cleared
  updated_at     timestamptz not null default clock_timestamp(),
  primary key (environment_id, connection_id, key)
);

-- +goose Down
drop table checkpoint;
drop table record_history;
drop table record_change;
drop sequence record_change_id;
drop table record_generation;
drop table record_seen;
drop table record_payload;
drop table record;
drop table record_run;
drop table record_model;
