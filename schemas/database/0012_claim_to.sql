-- Where a claim takes a thing: the ward of the site; null: nobody said, or no claim.
alter table by_hand add column to_ward text;
