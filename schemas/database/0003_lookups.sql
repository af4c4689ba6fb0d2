-- Look-ups are listed newest first, and leave with the rest of history.
create index person_lookup_at on person_lookup (at);
