"""Our own engine for arc routing: a hybrid genetic search whose moves choose every orientation optimally.

The method is the one of T. Vidal, "Node, edge, arc routing and turn penalties: multiple problems – one neighborhood
extension", Operations Research 65 (2017): tasks have modes (orientations), and each move is evaluated with the best
modes of *all* tasks of the changed routes, through shortest-path vectors kept for the beginnings and ends of routes.
"""
