/**
 * The protocol between the nodes of a cluster, told at registration: nodes of one cluster must have the same number, their
 * builds may differ, so that a cluster can be upgraded node by node while the number stays. Adding fields that older nodes
 * may leave out and ignore keeps it. It rises when a node that does not know of a change would do something wrong: another
 * meaning of a field, a new step that both sides must take, another format of staged slices.
 */
export const protocolVersion = 1;
