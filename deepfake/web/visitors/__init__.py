"""Who uses the page: accounts, addresses, how often, and what counts that."""
