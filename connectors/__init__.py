"""One folder per storefront platform. A connector is data and pure functions; see adapter/connector.py for the contract."""
