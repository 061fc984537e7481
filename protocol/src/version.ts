/**
 * The version of everything that crosses a process boundary.
 *
 * `PROTOCOL` is the WebSocket subprotocol that both ends of a fleet link offer. A change that an
 * older peer cannot skip needs a new number; whatever it can skip (an unknown record type, an
 * unknown text message, a new optional field) keeps it. `golden/schema.json` holds the decision.
 */
export const PROTOCOL = 'berth.v1'
export const PROTOCOL_VERSION = 1
export const BERTH_VERSION = '0.1.0'
