#include "app/commands.h"

#include <vector>

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  return godwit::app::run_command(words);
}
