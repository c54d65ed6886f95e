"""What asyncio's event loops do where Penny runs."""
