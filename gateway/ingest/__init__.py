"""The hot path: receive, decode, coalesce, verify, commit, ack. One way, no way back.

`inbox` holds what arrived while the last batch was committing; `ingest` takes one batch through
all steps; `ious` and `control` hold the steps for IOUs and for everything else; `directory` keeps
what the database says of devices and channels at hand; `replies` makes the answers. None of these
knows MQTT or threads: `mqtt` and `worker` are the shell around them.
"""
