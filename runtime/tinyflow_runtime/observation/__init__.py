"""What is known of messages that pass: their ids and traces, counts, copies that are shown, letters, and who looks."""
