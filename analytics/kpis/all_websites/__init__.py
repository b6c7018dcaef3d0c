"""KPIs of many websites: `rows` builds a row per website, `order` filters and sorts them. Pure."""
