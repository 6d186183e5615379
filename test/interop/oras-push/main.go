// oras-push puts files into a registry as one artifact, the way `oras push --plain-http` does, by the library that the
// command is made of; the command itself cannot be had through Go's module proxy.
//
//	oras-push [-artifact-type TYPE] [-config FILE:TYPE] [-image-spec v1.0|v1.1] HOST/REPOSITORY:TAG FILE[:TYPE]...
//
// Files are those of the working folder; a folder becomes an archive. Prints the manifest's digest.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	artifactType := flag.String("artifact-type", "", "of the manifest")
	config := flag.String("config", "", "FILE:TYPE in place of the empty config")
	spec := flag.String("image-spec", "v1.1", "whose manifest to write")
	flag.Parse()
	if flag.NArg() < 2 {
		log.Fatal("expected a reference and files")
	}
	digest, err := push(flag.Arg(0), flag.Args()[1:], *artifactType, *config, *spec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digest)
}

func push(reference string, files []string, artifactType, config, spec string) (string, error) {
	ctx := context.Background()
	store, err := file.New(".")
	if err != nil {
		return "", err
	}
	defer store.Close()

	var options oras.PackManifestOptions
	for _, argument := range files {
		layer, err := add(ctx, store, argument)
		if err != nil {
			return "", err
		}
		options.Layers = append(options.Layers, layer)
	}
	if config != "" {
		descriptor, err := add(ctx, store, config)
		if err != nil {
			return "", err
		}
		options.ConfigDescriptor = &descriptor
	}
	// As the command: an artifact of no type and with no config is of an unknown one.
	version := oras.PackManifestVersion1_1
	if spec == "v1.0" {
		version = oras.PackManifestVersion1_0
	} else if artifactType == "" && config == "" {
		artifactType = oras.MediaTypeUnknownArtifact
	}
	manifest, err := oras.PackManifest(ctx, store, version, artifactType, options)
	if err != nil {
		return "", err
	}

	repository, err := remote.NewRepository(reference)
	if err != nil {
		return "", err
	}
	repository.PlainHTTP = true
	tag := repository.Reference.Reference
	if err := store.Tag(ctx, manifest, tag); err != nil {
		return "", err
	}
	_, err = oras.Copy(ctx, store, tag, repository, tag, oras.DefaultCopyOptions)
	return manifest.Digest.String(), err
}

// add puts FILE[:TYPE] into the store; without a type it gets the store's own, that of a tar.
func add(ctx context.Context, store *file.Store, argument string) (ocispec.Descriptor, error) {
	name, mediaType, _ := strings.Cut(argument, ":")
	return store.Add(ctx, name, mediaType, "")
}
