package object

func openDir(path string) (Store, error) { return nil, nil }
