"""What the data plane told of packets: readers of its records (`npol.model.flow_record`)."""
