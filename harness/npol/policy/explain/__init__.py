"""Why a flow does what it does, what a policy says, and what would mend it."""
