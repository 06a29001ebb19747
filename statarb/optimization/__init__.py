"""Mean-downside-risk portfolios: stated in cvxpy, solved fast, certified."""
