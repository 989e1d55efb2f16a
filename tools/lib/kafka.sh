# A real Kafka in the cache: Java, Maven, the broker's jars. Sourced after common.sh and packages.sh.

# Kafka 4 needs Java 17; the first java in the PATH may be older, or not there.
find_java() {
  local java version
  for java in "$(command -v java || true)" /usr/lib/jvm/java-17-openjdk-*/bin/java; do
    [ -x "$java" ] || continue
    version=$("$java" -version 2>&1 | sed -n 's/^[a-z]* version "\([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 17 ]; then
      echo "$java"
      return
    fi
  done
  return 1
}

kafka_folder() {
  printf '%s/kafka-%.12s\n' "$keyloom_cache" "$(sha256sum <"$keyloom_root/tools/broker/pom.xml")"
}

# The local repository goes with the temporary folder: the jars are wanted once.
copy_jars() {
  local dir
  dir=$(mktemp -d "$keyloom_cache/tmp-kafka.XXXXXX")
  mvn --batch-mode --strict-checksums --file "$keyloom_root/tools/broker/pom.xml" \
    -Dmaven.repo.local="$dir/repository" -DoutputDirectory="$dir/jars" -DincludeScope=runtime \
    dependency:copy-dependencies
  mv "$dir/jars" "$(kafka_folder)"
  rm -rf "$dir"
}

provide_kafka() {
  local packages=()
  find_java >/dev/null || packages+=(openjdk-17-jre-headless)
  [ -d "$(kafka_folder)" ] || command -v mvn >/dev/null || packages+=(maven)
  install_packages "${packages[@]}"
  [ -d "$(kafka_folder)" ] && return
  make_cache
  (
    flock 9
    rm -rf "$keyloom_cache"/tmp-kafka.* # left by a run that was killed; we hold the lock
    [ -d "$(kafka_folder)" ] || logged "fetching Kafka with Maven" \
      "check that Maven reaches its repository (~/.m2/settings.xml for a mirror or proxy)" copy_jars
  ) 9>"$keyloom_cache/kafka.lock"
}
