"""Would the stories notice a mistake? Policies changed in one place, and tried."""
