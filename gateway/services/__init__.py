"""What the readings are watched for: leaks, frost, silence. Each service is a function of readings; none opens anything."""
