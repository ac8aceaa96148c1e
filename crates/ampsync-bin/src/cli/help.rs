//! What the help says beside the lists of verbs and flags.

pub(super) const ABOUT: &str = "Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL";

pub(super) const LONG_ABOUT: &str = "\
Keeps the tables of a Nozzle (Amp) dataset in your PostgreSQL: it streams them over Arrow Flight,
follows the chain through its reorgs, and writes every row exactly once. Start it and forget it: an
outage of either side is waited for, and what cannot heal is named, with the fix.";

/// Under what is wrong, where nothing was given at all.
pub(crate) const WELCOME: &str = "\
Two settings are enough to begin, where the config names its dataset and the server is on this machine:

  export DATASET_MANIFEST=./nozzle.config.ts
  export DATABASE_URL=postgres://user:password@localhost:5432/app

  ampsync check    # try everything out, and change nothing
  ampsync          # keep the tables in step

Without a config at hand, DATASET and TABLES say what is synced; NOZZLE_ENDPOINT says from where.
ampsync -h has what most people need, ampsync --help everything.";

pub(super) const SHORT: &str = "\
To begin:
  export DATASET_MANIFEST=./nozzle.config.ts
  export DATABASE_URL=postgres://user:password@localhost:5432/app
  ampsync check    # try everything out, and change nothing
  ampsync          # keep the tables in step

Every flag is also an environment variable. --help has all settings, examples and exit codes;
ampsync VERB --help those of a verb.";

pub(super) const LONG: &str = "\
Examples:
  # The two settings that are enough when the config names its dataset and the server is local
  export DATASET_MANIFEST=./nozzle.config.ts
  export DATABASE_URL=postgres://user:password@localhost:5432/app
  ampsync check
  ampsync

  # Without a config, from a server elsewhere, with secrets in files
  export DATASET=my_org/eth@1.0.0 TABLES=blocks,logs
  export NOZZLE_ENDPOINT=https://gateway.example.com NOZZLE_AUTH_TOKEN_FILE=/run/secrets/token
  export DATABASE_URL_FILE=/run/secrets/database-url
  ampsync

  # How far the tables are, from anywhere that reaches the database
  ampsync status

  # Stream one table anew
  ampsync reset logs

Every flag is also an environment variable; a flag goes before it, and an empty value counts as not \
set. Flags can be seen by other users of the machine: give passwords and tokens in variables or \
files.

Exit codes: 0 stopped when told to, or done; 1 failed; 2 a mistake in the usage or configuration; 3 a \
table has stopped for good; 4 a start would change something (plan).";

pub(super) const OPTIONS_FILE: &str = include_str!("../options/help.txt");

pub(super) const SYNC: &str = "\
Examples:
  ampsync
  ampsync sync --tables blocks,logs
  HEALTH_PORT=8080 LOG_FORMAT=json ampsync

SIGTERM and SIGINT stop it; whatever was not committed is streamed again by the next start.

Exit codes: 0 stopped when told to; 1 failed, or did not stop in time; 2 a mistake in the usage or \
configuration; 3 a table had stopped for good.";

pub(super) const CHECK: &str = "\
Reads the settings, asks the server for every stream, logs in to the database, and goes through all \
that a start would do there, without doing it. All problems are printed, each with what to do; where \
there are none, what would be done. Each question has 15 seconds, all of them together have --within, \
and nothing is waited for.

Examples:
  ampsync check
  ampsync check --tables logs && ampsync --tables logs

Exit codes: 0 nothing is in the way; 1 server or database did not answer; 2 something has to be \
corrected.";

pub(super) const PLAN: &str = "\
Goes through all that a start would do, as check does, and prints each statement that would change the \
database, the lock it takes on what is in use, and how large the table is. Where the rows would be of \
another query or revision, that is the table that is filled beside the old one, what is done when it \
takes its place, and what keeps it from that. Nothing is changed.

Examples:
  ampsync plan
  ampsync plan --json | jq '.tables[].steps[].statement'

Exit codes: 0 nothing would be changed; 4 something would; 2 something has to be corrected first; 1 server \
or database did not answer.";

pub(super) const STATUS: &str = "\
Needs the settings of the database and nothing else: neither the server nor a running ampsync is \
asked. Its role needs no more than
  GRANT USAGE ON SCHEMA ampsync TO role; GRANT SELECT ON ALL TABLES IN SCHEMA ampsync TO role;

Examples:
  ampsync status
  ampsync status --long logs defi.transfers
  ampsync status --json | jq '.tables[] | {table, cursor_block}'

Exit codes: 0 printed, be there tables or not; 1 the database did not answer; 2 a mistake, such as a \
table that is not there.";

pub(super) const RESET: &str = "\
For a table that has to be streamed from the first block again: another dataset or query, columns that \
no longer fit, bookkeeping that was edited. All tables that are named are reset in one transaction, or \
none. A table that a running ampsync writes is refused: stop it first. Without --yes it asks, naming \
what will be lost; where there is no terminal to ask on, --yes is needed.

Examples:
  ampsync reset logs
  ampsync reset --drop --yes blocks logs     # where the columns change too
  ampsync reset --keep-rows eth_2023.logs    # keep an old table as it is, without ampsync

Exit codes: 0 done; 1 the database did not answer; 2 nothing was done, and the reason is printed.";

pub(super) const SCHEMA: &str = "\
With a built manifest nothing is asked of anybody; without one, the server says what columns there \
are. Nothing is ever changed in the database, and only --diff reads it. What ampsync has to remember \
is not part of the SQL: it creates the schema ampsync by itself.

Examples:
  ampsync schema
  ampsync schema --diff
  ampsync schema --diff --out migrations --layout sqlx

Exit codes: 0 it has worked, be there a difference or not; 1 server or database did not answer; 2 a \
mistake.";

pub(super) const HEALTHCHECK: &str = "\
Asks http://localhost:HEALTH_PORT/livez, which answers while the process works: what an orchestrator \
that restarts the unhealthy should ask, since an outage elsewhere is healed by no restart, and an \
instance that stands by is well. With --ready it asks /readyz: whether every table is in step.

Examples:
  HEALTHCHECK CMD [\"/ampsync\", \"healthcheck\"]
  ampsync healthcheck --ready || echo not yet

Exit codes: 0 healthy; 1 not, or no answer within 3 seconds. The reason is printed.";

pub(super) const ROLLBACK: &str = "\
After a change of a table's query or of its dataset's revision, the table of before is kept. This puts it \
in place again, in one transaction, also while ampsync runs: readers then see it as of its own last block, \
and it catches up from there. What is planned stays rolled back until the query changes again, or until a \
second rollback. Without --yes it asks; where there is no terminal to ask on, --yes is needed.

Examples:
  ampsync rollback logs
  ampsync reset --drop logs__v1    # drop what is kept

Exit codes: 0 done; 1 the database did not answer; 2 nothing was done: it was refused or not agreed to, or \
nothing is kept.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  ampsync completions bash > /usr/share/bash-completion/completions/ampsync
  ampsync completions zsh > \"${fpath[1]}/_ampsync\"
  ampsync completions fish > ~/.config/fish/completions/ampsync.fish
  ampsync completions powershell >> $PROFILE";
