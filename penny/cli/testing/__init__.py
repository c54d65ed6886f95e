"""Tests whose bodies run on Penny's workers' side: in Node, or a browser, by a mark of pytest's."""
