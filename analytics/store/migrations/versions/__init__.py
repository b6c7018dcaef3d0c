"""One file per migration; `analytics.store.HEAD` names the newest one."""
