"""What the readings are watched for: leaks, frost, silence, over-use. Each service is a function of readings; none opens anything."""
