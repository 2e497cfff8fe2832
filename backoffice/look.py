"""What the back office looks like: settings of its theme, none of which is a switch."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Muster back office",
    "SITE_HEADER": "Muster",
    "SITE_SUBHEADER": "Back office",
    "SITE_URL": None,
    "SITE_ICON": "backoffice.navigation.logo",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "backoffice.navigation.logo"}],
    "SHOW_HISTORY": False,
    "STYLES": ["backoffice.navigation.stylesheet"],
    "SIDEBAR": {"navigation": "backoffice.navigation.sidebar"},
    "ACCOUNT": {"navigation": [{"title": "Console", "link": "/"}]},
    "DASHBOARD_CALLBACK": "portal.dashboard.fill",
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "#f0f4ff",
            "100": "#e1e9ff",
            "200": "#c8d6ff",
            "300": "#a3b9ff",
            "400": "#7d9bff",
            "500": "#5b80f6",
            "600": "#2e5bea",
            "700": "#2349c7",
            "800": "#1f3d9e",
            "900": "#1b2f75",
            "950": "#131f4d",
        },
    },
}
