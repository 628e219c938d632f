// Where other machines reach this one.
#pragma once

#include <string>
#include <vector>

namespace deixis::studio {

// "192.168.1.7", "fd00::7": of every interface that is up, without loopback and link-local ones.
std::vector<std::string> NetworkAddresses();

}  // namespace deixis::studio
