/** Pixels between a plot and the edges of its box; the drawing and what is laid over it keep to the same ones. */
export const PLOT_EDGES = { top: 8, right: 12, bottom: 22, left: 46 } as const
