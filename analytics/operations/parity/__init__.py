"""Every conversation KPI twice, from the pipes and from Postgres, and why the two differ where they do."""
