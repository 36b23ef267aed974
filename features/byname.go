package features

// sets are all that there are.
var sets = []*Set{Core, Ref, Offline, Ext}

// ByName is the set of that name, such as core.v1; nil where there is none.
func ByName(name string) *Set {
	for _, s := range sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Names are those of all sets.
func Names() (names []string) {
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return names
}
