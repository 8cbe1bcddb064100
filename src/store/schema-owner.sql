-- Jobs that are about an account belong to that account, not to whoever has its name when they run or are looked at.
ALTER TABLE jobs ADD COLUMN owner TEXT; -- the account's identity when the job was made; NULL: about none, or made by an earlier version
