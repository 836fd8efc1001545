"""What keeps an ill upstream from harming us: breaker, bulkhead, retries, deadlines."""
