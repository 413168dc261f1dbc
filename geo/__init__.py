"""The domain core of 一网 (yiwang): grids, streets, patrols and risk, without web or HTML."""
