package rental

// Intake registers a piece as an import does.
var Intake = (*Keeper).intake
