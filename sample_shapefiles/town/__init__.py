"""A made-up Chinese street office area (青泠街道), drawn as the files an office would hand over.

Modules, in the order in which :func:`town.build.build_town` uses them:

``warp``       smooth curves and the displacement field that bends the plan
``plan``       the main structure drawn by hand: river, railway, ring road, avenues
``blocks``     the areas between main streets cut into blocks; noding of all lines
``streets``    noded edges joined to named street features with attributes
``names``      pools of street, estate and facility names
``cells``      blocks grouped to communities and grid cells
``digitising`` redraws the borders of a zoning as a second hand would have drawn them
``zonings``    the four departments' zonings
``faults``     the faults put in on purpose, with their places
``facilities``, ``buildings``, ``incidents``, ``teams``  what is in the town
``write``      shapefiles in GBK, byte for byte repeatable

Coordinates are metres in CGCS2000 / 3-degree Gauss-Kruger CM 114E (EPSG:4547), x east and y north, except in ``plan``
and ``blocks``, which work in the unbent *plan space*: metres from the town centre.
"""
