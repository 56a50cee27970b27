// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title QUIV, the network's token
/// @notice A fixed supply, minted once. Nobody owns the contract, nothing calls out of it, and it can't be changed.
contract QUIVToken is ERC20Burnable, ERC20Permit {
    /// @notice All that there will ever be, in base units (18 decimals). Burning lowers the supply below it for good.
    uint256 public constant CAP = 1_000_000_000e18;

    /// @param holder receives the whole supply
    constructor(address holder) ERC20("QUIV", "QUIV") ERC20Permit("QUIV") {
        _mint(holder, CAP);
    }
}
