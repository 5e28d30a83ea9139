"""What the replay tests share: captures, a base topology, packets and expectations, assertions."""
