"""What is known of tax: what a storefront charged is adopted; what the law makes of it is named, checked and worded."""
