"""Where an interpreter of Penny's runs: a program, a snapshot, its stdin."""
