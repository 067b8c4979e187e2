package draw

// FromMetadata makes [Docs] of a callflow's metadata, the object that GET
// gives by id: {name, pvt_type} (contract 2.3). A document is deleted if its
// entry has "deleted": true.
func FromMetadata(metadata map[string]any) Docs {
	out := Docs{}
	for id, v := range metadata {
		entry, _ := v.(map[string]any)
		doc := Doc{}
		doc.Name, _ = entry["name"].(string)
		doc.Type, _ = entry["pvt_type"].(string)
		doc.Deleted = entry["deleted"] == true
		out[id] = doc
	}
	return out
}
