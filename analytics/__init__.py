"""Honest KPIs and live visitors of a customer-support inbox: everything but the pages."""
