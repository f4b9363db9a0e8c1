"""From a clone to an installation that works: asks little, explains much, can be run again."""
